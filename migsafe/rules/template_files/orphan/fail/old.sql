CREATE TABLE @parent|folder@ (id INTEGER PRIMARY KEY);
CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY, @column|folder_id@ INTEGER);
INSERT INTO @parent|folder@ (id) VALUES (1);
INSERT INTO @table|note@ (id, @column|folder_id@) VALUES (1, 1), (2, 7);
