#!/bin/bash
# Makes the benchmark's authority in the current folder: a root, a KDC's certificate and a client's, of RSA-2048 and
# of P-256 each. MIT signs in by certificate trust with them; Keyporch takes the same client keys by key trust.
set -eu
export REALM=BENCH.TEST CLIENT=user0
cat > extensions.cnf <<'END'
[req]
distinguished_name = name
prompt = no
[name]
CN = x
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[kdc]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment, keyAgreement
extendedKeyUsage = 1.3.6.1.5.2.3.5, serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = otherName:1.3.6.1.5.2.2;SEQUENCE:kdc_name, DNS:localhost
[kdc_name]
realm = EXP:0, GeneralString:${ENV::REALM}
principal = EXP:1, SEQUENCE:kdc_principal
[kdc_principal]
type = EXP:0, INTEGER:2
parts = EXP:1, SEQUENCE:kdc_parts
[kdc_parts]
first = GeneralString:krbtgt
second = GeneralString:${ENV::REALM}
[client]
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment, keyAgreement
extendedKeyUsage = 1.3.6.1.5.2.3.4, 1.3.6.1.4.1.311.20.2.2, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = otherName:1.3.6.1.5.2.2;SEQUENCE:client_name
[client_name]
realm = EXP:0, GeneralString:${ENV::REALM}
principal = EXP:1, SEQUENCE:client_principal
[client_principal]
type = EXP:0, INTEGER:1
parts = EXP:1, SEQUENCE:client_parts
[client_parts]
first = GeneralString:${ENV::CLIENT}
END
openssl req -x509 -newkey rsa:2048 -noenc -keyout root.key -out root.pem -subj "/CN=Bench root" -days 30 \
  -config extensions.cnf -extensions root
for name in kdc client; do
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $name.key
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${name}ec.key
  for pair in $name ${name}ec; do
    openssl req -new -key $pair.key -out $pair.csr -subj "/CN=$pair" -config extensions.cnf
    openssl x509 -req -in $pair.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile extensions.cnf \
      -extensions $name -out $pair.pem
  done
done
