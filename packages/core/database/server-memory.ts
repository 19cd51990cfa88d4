/**
 * An expression that has the server's process keep so many megabytes from one statement to the next. By default glibc's
 * malloc gives memory back to the system when a statement ends, and taking it again is a page fault every 4 kB: 200 in
 * a search behind whose index 10,000 rows were written, up to 110 of 165 µs a row in a write. What was given back once in
 * one piece sets the size that is kept from then on. Source: mallopt(3), M_MMAP_THRESHOLD, on its dynamic adjustment.
 */
export function retainMemory(megabytes: number): string {
  return `octet_length(repeat(repeat(' ', 1024), ${1024 * megabytes}))`;
}
