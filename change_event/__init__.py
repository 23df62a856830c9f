"""After changes: what Event Grid tells of a service's changes becomes a backup, when it is quiet again."""
