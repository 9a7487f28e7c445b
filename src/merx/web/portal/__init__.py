"""The developer portal: the five APIs, explained with the reader's own host and key."""
