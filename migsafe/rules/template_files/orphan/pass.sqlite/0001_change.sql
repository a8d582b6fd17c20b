UPDATE @table|note@ SET @column|folder_id@ = NULL WHERE @column|folder_id@ NOT IN (SELECT id FROM @parent|folder@);
CREATE TABLE @table|note@_new (id INTEGER PRIMARY KEY, @column|folder_id@ INTEGER REFERENCES @parent|folder@ (id));
INSERT INTO @table|note@_new (id, @column|folder_id@) SELECT id, @column|folder_id@ FROM @table|note@;
DROP TABLE @table|note@;
ALTER TABLE @table|note@_new RENAME TO @table|note@;
