"""What two or more trigger folders share: decisions (core), contact with Azure (adapters), wiring."""
