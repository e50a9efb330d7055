"""What the product is measured against besides 1.0.0: each folder holds an `app.py` that runs like a function."""
