CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY, @column|body@ VARCHAR(40));
INSERT INTO @table|note@ (id, @column|body@) VALUES (1, 'text');
