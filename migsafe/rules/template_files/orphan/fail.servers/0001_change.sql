ALTER TABLE @table|note@ ADD CONSTRAINT @table|note@_@column|folder_id@_fkey FOREIGN KEY (@column|folder_id@) REFERENCES @parent|folder@ (id); -- expect: @hazard@
