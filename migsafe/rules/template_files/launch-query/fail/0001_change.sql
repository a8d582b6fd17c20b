CREATE INDEX @table|note@_title ON @table|note@ (title);
