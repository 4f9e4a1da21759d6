/* A security key in software, for tests: OpenSSH's sk-api.h, Ed25519 alone. The key's handle is its seed; nobody is asked to touch it. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sk_enroll_response {
	uint8_t flags; uint8_t *public_key; size_t public_key_len; uint8_t *key_handle; size_t key_handle_len;
	uint8_t *signature; size_t signature_len; uint8_t *attestation_cert; size_t attestation_cert_len;
	uint8_t *authdata; size_t authdata_len;
};
struct sk_sign_response { uint8_t flags; uint32_t counter; uint8_t *sig_r; size_t sig_r_len; uint8_t *sig_s; size_t sig_s_len; };
struct sk_option { char *name; char *value; uint8_t required; };

#define ED25519 1
#define FAILED -1

uint32_t sk_api_version(void) { return SK_VERSION; }

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
    const char *pin, struct sk_option **options, struct sk_enroll_response **response)
{
	struct sk_enroll_response *r = calloc(1, sizeof(*r));
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (alg != ED25519 || !r || !key) return FAILED;
	r->flags = flags;
	r->public_key = malloc(r->public_key_len = 32);
	r->key_handle = malloc(r->key_handle_len = 32);
	if (!EVP_PKEY_get_raw_public_key(key, r->public_key, &r->public_key_len)) return FAILED;
	if (!EVP_PKEY_get_raw_private_key(key, r->key_handle, &r->key_handle_len)) return FAILED;
	r->signature = calloc(1, r->signature_len = 64);
	r->attestation_cert = calloc(1, r->attestation_cert_len = 1);
	r->authdata = calloc(1, r->authdata_len = 1);
	*response = r;
	return 0;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle, size_t handle_len,
    uint8_t flags, const char *pin, struct sk_option **options, struct sk_sign_response **response)
{
	struct sk_sign_response *r = calloc(1, sizeof(*r));
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, handle, handle_len);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signed_data[32 + 1 + 4 + 32];
	if (alg != ED25519 || !r || !key || !context) return FAILED;
	r->flags = flags & 1; /* touched, as it was asked to be */
	SHA256((const uint8_t *)application, strlen(application), signed_data);
	signed_data[32] = r->flags;
	memset(signed_data + 33, 0, 4);
	SHA256(data, data_len, signed_data + 37);
	r->sig_r = malloc(r->sig_r_len = 64);
	if (!EVP_DigestSignInit(context, NULL, NULL, NULL, key)) return FAILED;
	if (!EVP_DigestSign(context, r->sig_r, &r->sig_r_len, signed_data, sizeof(signed_data))) return FAILED;
	*response = r;
	return 0;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, void ***keys, size_t *count) { return FAILED; }
