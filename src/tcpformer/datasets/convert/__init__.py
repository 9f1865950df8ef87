"""Motion capture rigs converted to Human3.6M joints."""
