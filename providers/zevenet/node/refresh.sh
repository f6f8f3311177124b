# Refreshes the package lists the product's own way. It installs nothing.
name_secrets
"$updater"
