#!/bin/sh
# Makes the certificates that tests serve with, good for a hundred years: a CA of their own, and
# one for kvs.test and localhost. The keys are no secrets; nobody trusts this CA.
set -eu
cd "$(dirname "$0")"
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -days 36500 -subj "/CN=kvsctl test CA" -out ca.pem \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
openssl ecparam -name prime256v1 -genkey -noout -out server.key
openssl req -new -key server.key -subj "/CN=kvs.test" -out server.csr
cat > server.ext <<'END'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:kvs.test, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 36500 \
  -extfile server.ext -out server.crt
cat server.key server.crt > server.pem
rm -f ca.key server.key server.csr server.ext server.crt
