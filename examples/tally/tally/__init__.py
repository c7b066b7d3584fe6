"""A small web service: a page takes a text, a worker counts its words, Redis lies between them."""
