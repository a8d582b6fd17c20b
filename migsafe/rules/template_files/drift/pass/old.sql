CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY);
INSERT INTO @table|note@ (id) VALUES (1);
