//go:build unix

package pkcs11

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// CK_FUNCTION_LIST as far as it is needed: PKCS #11 Base Specification 3.0, Section 3.6.
struct functions {
	unsigned char version[2];
	void *function[68];
};
enum { C_DECRYPT = 34 };

typedef unsigned long (*get_functions)(struct functions **);
typedef unsigned long (*c_decrypt)(unsigned long, const unsigned char *, unsigned long, unsigned char *, unsigned long *);

static void *function_decrypt(const char *library) {
	struct functions *list = NULL;
	void *handle = dlopen(library, RTLD_LAZY);
	if (handle == NULL) {
		return NULL;
	}
	get_functions get = (get_functions)dlsym(handle, "C_GetFunctionList");
	if (get == NULL || get(&list) != 0 || list == NULL) {
		return NULL;
	}
	return list->function[C_DECRYPT];
}

static unsigned long call_decrypt(void *f, unsigned long session, const unsigned char *in, unsigned long in_size, unsigned char *out, unsigned long *out_size) {
	return ((c_decrypt)f)(session, in, in_size, out, out_size);
}
*/
import "C"

import (
	"unsafe"

	"github.com/miekg/pkcs11"
)

// A decrypt is C_Decrypt with a buffer of ours. The binding makes one in C, which it does
// not free if a ciphertext does not decrypt, so that a stranger could fill our memory.
type decrypt func(c *pkcs11.Ctx, s pkcs11.SessionHandle, ciphertext []byte) ([]byte, error)

// newDecrypt returns the function of a library that is loaded.
func newDecrypt(library string) (decrypt, bool) {
	name := C.CString(library)
	defer C.free(unsafe.Pointer(name))
	f := C.function_decrypt(name)
	return func(_ *pkcs11.Ctx, s pkcs11.SessionHandle, ciphertext []byte) ([]byte, error) {
		out := make([]byte, len(ciphertext)) // RSA makes nothing longer
		size := C.ulong(len(out))
		code := C.call_decrypt(f, C.ulong(s), (*C.uchar)(&ciphertext[0]), C.ulong(len(ciphertext)), (*C.uchar)(&out[0]), &size)
		if code != pkcs11.CKR_OK {
			clear(out)
			return nil, pkcs11.Error(code)
		}
		return out[:min(int(size), len(out))], nil
	}, f != nil
}
