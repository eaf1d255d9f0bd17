"""What a file is: told from its bytes, held against what was promised."""
