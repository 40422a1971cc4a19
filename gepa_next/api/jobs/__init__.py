"""Jobs: asked for, quoted, made, read, followed, ended."""
