CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY, title VARCHAR(40));
INSERT INTO @table|note@ (id, title) VALUES (1, 'text');
