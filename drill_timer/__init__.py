"""Drills: restores that are rehearsed, when their time has come or when somebody asks for one."""
