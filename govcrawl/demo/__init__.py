"""A replica portal of a fictional agency (示例数据) and the demonstration that crawls it."""
