"""Set-up, checks and locks of this repository; never deployed and never imported by the app."""
