CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY, @column|rank@ VARCHAR(40));
INSERT INTO @table|note@ (id, @column|rank@) VALUES (1, '12'), (2, 'high');
