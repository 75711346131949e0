from files import read

print(read("README"))
