"""Text and tables of files, one module per group of formats.

Every reader is a function ``read_*(data, found)``: it puts what it finds into :class:`govcrawl.attachment_readers.found.Found` in
the order of the file and stops where :class:`~govcrawl.attachment_readers.found.Full` is raised. Readers run in a child process
with limits of time and memory (:mod:`govcrawl.file_workers`); they never touch the network or the disk.
"""
