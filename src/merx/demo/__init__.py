"""The two sample shops: their catalogues, the pictures drawn for them, and what fills an installation with both."""
