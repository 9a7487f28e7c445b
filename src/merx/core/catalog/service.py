"""What shoppers can read of the catalogue and merchants can do to it. Each function is one transaction."""
