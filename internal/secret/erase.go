//go:build goexperiment.runtimesecret

package secret

import "runtime/secret"

// Do calls f, and erases what it leaves behind.
func Do(f func()) { secret.Do(f) }
