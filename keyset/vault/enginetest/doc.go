// Package enginetest pins HashiCorp Vault for the tests of package vault. They build the
// command in engine, with the build tag "engine": Vault's Transit engine, with a listener
// before it. It is a module of its own, so that nothing which is published requires Vault.
package enginetest
