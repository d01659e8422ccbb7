# cmake -DOUT=web_files.c -DROOT=web -DFILES=a;b -P embed.cmake: files as C arrays, for page.h.
set(arrays "")
set(rows "")
set(n 0)
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(READ ${file} hex HEX)
  file(SIZE ${file} size)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n" hex "${hex}")
  string(APPEND arrays "static const unsigned char file_${n}[] = {\n${hex}0};\n")
  string(APPEND rows "    {\"/${name}\", file_${n}, ${size}},\n")
  math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT}
  "/* Made by src/serve/embed.cmake. */\n#include \"serve/page.h\"\n\n${arrays}\n"
  "const struct web_file web_files[] = {\n${rows}    {NULL, NULL, 0},\n};\n")
