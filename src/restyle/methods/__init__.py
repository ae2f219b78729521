"""Methods that give a picture the style of another; `methods.table` lists them."""
