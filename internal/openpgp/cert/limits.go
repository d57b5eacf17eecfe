package cert

// Limits on what is read of keys.
const (
	MaxFile        = 1 << 20         // bytes of a certificate or keyring, before its armor
	MaxArmoredFile = MaxFile * 3 / 2 // what it may be in armor
	maxKeys        = 256             // certificates of one keyring
	maxSubkeys     = 64              // subkeys of one certificate
)
