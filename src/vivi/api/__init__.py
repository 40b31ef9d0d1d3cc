"""What Python programs call: a function for each verb, with the names and defaults of its flags.

`import vivi` shows them all as `vivi.ingest`, `vivi.pretrain` and so on. Importing this folder is quick: torch and all
else is imported when a function is called.
"""
