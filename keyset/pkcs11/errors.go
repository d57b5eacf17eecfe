package pkcs11

import (
	"errors"

	"github.com/miekg/pkcs11"
)

// errCiphertext says that a ciphertext does not decrypt under a key.
var errCiphertext = errors.New("pkcs11: the ciphertext does not decrypt under this key")

// An answeredError is the answer to a ciphertext. Whatever it is, the token is not asked
// again: a stranger could see that by the time.
type answeredError struct{ error }

func (e answeredError) Unwrap() error { return e.error }

// code returns what a function of PKCS #11 returned, CKR_OK if err is about something else.
func code(err error) uint {
	c, _ := errors.AsType[pkcs11.Error](err)
	return uint(c)
}

// isLost reports codes that say that the session, its login, or the token is gone: PKCS #11
// Base Specification 3.0, Section 5.1. No ciphertext brings one about.
func isLost(err error) bool {
	switch code(err) {
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_MEMORY, pkcs11.CKR_DEVICE_REMOVED,
		pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED,
		pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_SESSION_COUNT, pkcs11.CKR_SESSION_HANDLE_INVALID,
		pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID,
		pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_FUNCTION_CANCELED:
		return true
	}
	return false
}

// isLacking reports codes of C_…Init and C_DeriveKey that say that the token does not do
// what it is asked for, or not with this key. SoftHSM says CKR_ARGUMENTS_BAD to RSA-OAEP
// with another hash than SHA-1.
func isLacking(err error) bool {
	switch code(err) {
	case pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_ARGUMENTS_BAD,
		pkcs11.CKR_FUNCTION_NOT_SUPPORTED, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED, pkcs11.CKR_KEY_TYPE_INCONSISTENT,
		pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_TEMPLATE_INCONSISTENT, pkcs11.CKR_TEMPLATE_INCOMPLETE,
		pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_SENSITIVE:
		return true
	}
	return false
}

// isAboutPIN reports codes after which another try with the same PIN does harm.
func isAboutPIN(err error) bool {
	switch code(err) {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED,
		pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED, pkcs11.CKR_USER_TYPE_INVALID:
		return true
	}
	return false
}
