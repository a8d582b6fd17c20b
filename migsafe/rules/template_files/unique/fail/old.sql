CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY, @column|label@ VARCHAR(40));
INSERT INTO @table|note@ (id, @column|label@) VALUES (1, 'once'), (2, 'twice'), (3, 'twice');
