"""Exporting API Management's reports: the timer, the fleet, and one service from day to day."""
