/** How the components serve, as far as CIS's benchmark asks for it: no profiles, and no TLS without forward secrecy and authenticated encryption. */

/** Of TLS 1.2; those of 1.3 cannot be chosen. With the ones that HTTP/2 demands. */
const CIPHER_SUITES = [
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
].join(',');

/** For Kubernetes' own programs. */
export const SERVING = ['--profiling=false', '--tls-min-version=VersionTLS12', `--tls-cipher-suites=${CIPHER_SUITES}`];

export const ETCD_SERVING = ['--tls-min-version=TLS1.2', `--cipher-suites=${CIPHER_SUITES}`];
