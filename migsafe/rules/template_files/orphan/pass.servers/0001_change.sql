UPDATE @table|note@ SET @column|folder_id@ = NULL WHERE @column|folder_id@ NOT IN (SELECT id FROM @parent|folder@);
ALTER TABLE @table|note@ ADD CONSTRAINT @table|note@_@column|folder_id@_fkey FOREIGN KEY (@column|folder_id@) REFERENCES @parent|folder@ (id);
