#!/bin/sh
# Makes the root file system of the images out of a Debian base with Python: takes away what installs or compiles
# software, becomes another user, or is only read by people; adds the user of the services. Runs in the build only.
set -eu

# By dpkg, so that its list, which scanners read, stays true; those that the base doesn't have are skipped.
gone=""
for package in python3-pip python3-setuptools python3-wheel python3-pkg-resources python3-distutils python3-lib2to3 \
    apt gpgv debian-archive-keyring adduser passwd login mount e2fsprogs logsave libapt-pkg6.0 debconf perl-base; do
    if dpkg -s "$package" >/dev/null 2>&1; then gone="$gone $package"; fi
done
# Their own scripts want to be asked with perl or talk to services: there is nobody.
for package in $gone; do rm -f "/var/lib/dpkg/info/$package.prerm" "/var/lib/dpkg/info/$package.postrm"; done
# shellcheck disable=SC2086 # a list of words
dpkg --purge --force-all $gone >/dev/null 2>&1

# Python's own parts of the same kind; an image of Python has it in /usr/local.
for library in /usr/lib/python3* /usr/local/lib/python3*; do
    [ -d "$library" ] || continue
    for part in ensurepip idlelib tkinter turtledemo test lib2to3 config-*; do rm -rf "${library:?}"/$part; done
    rm -rf "${library:?}"/site-packages/pip* "${library:?}"/site-packages/setuptools* "${library:?}"/site-packages/wheel*
done
rm -rf /usr/lib/python3/dist-packages /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/bin/idle* \
    /usr/local/bin/2to3* /usr/local/bin/python*-config

# Licences stay (doc/*/copyright, common-licenses).
find /usr/share/doc -type f ! -name copyright -delete
rm -rf /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bash-completion /usr/share/perl5 \
    /usr/lib/*/gconv /usr/lib/*/perl-base /usr/lib/apt /etc/apt /var/lib/apt /var/cache/* /var/log/* /root/.cache

# The services' user; its home is the one folder that is always writable.
echo 'weighbridge:x:10001:10001:Weighbridge:/tmp:/usr/sbin/nologin' >>/etc/passwd
echo 'weighbridge:x:10001:' >>/etc/group
mkdir -p /cache
chown 10001:10001 /cache

# What nobody may do without: certificates of authorities, time zones by name, Python itself.
python3 - <<'CHECK'
import ctypes, hashlib, sqlite3, ssl, zoneinfo
zoneinfo.ZoneInfo("Europe/Berlin")
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 50, "no certificates: install ca-certificates"
CHECK

# Last, as it did the work: dpkg's programs (its list stays), and whatever runs with another user's rights.
rm -rf /usr/bin/dpkg* /usr/sbin/dpkg* /usr/lib/dpkg /usr/share/dpkg /var/lib/dpkg/info /var/lib/dpkg/alternatives
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
rm -f /strip.sh
