// Package valkey remembers messages in a Valkey or Redis server, for fleets: a message
// that one process accepted is a replay for all of them.
//
// It is a module of its own, so that the client comes only to programs that use it. The
// README says what permissions the server has to give, and what is lost when it fails.
package valkey
