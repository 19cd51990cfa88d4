-- A login and a database for Cairn on a PostgreSQL server. Run it once with psql 14 or newer, as a superuser, with the
-- password of the new login in the variable CAIRN_DATABASE_PASSWORD.
--
-- The login is no superuser and does not bypass row-level security. `cairn db migrate` creates the tables and the roles
-- cairn_app, cairn_admin and cairn_keyword with it, which needs CREATEROLE.
\set ON_ERROR_STOP on
\getenv password CAIRN_DATABASE_PASSWORD
CREATE ROLE cairn LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE cairn OWNER cairn TEMPLATE template0 ENCODING 'UTF8';
REVOKE CONNECT, TEMPORARY ON DATABASE cairn FROM PUBLIC;
\connect cairn
CREATE EXTENSION vector; -- only a superuser may install it
