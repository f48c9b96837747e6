// What Swift 6.3's Embedded runtime lacks. A definition here is stronger than the weak copies in Swift's objects.
#ifdef CONTINUO_EMBEDDED
#include <stdint.h>
#include <stdlib.h>

typedef struct Class {
    const struct Class* superclass;
    void* destroy;
    __attribute__((swiftcall)) void (*destroy_own_properties)(__attribute__((swift_context)) void* object);
} Class;

typedef struct {
    const Class* class;
    intptr_t reference_count;  ///< negative: not from the heap
} Object;

void swift_deallocPartialClassInstance(Object* object, const Class* reached, size_t size, size_t alignment_mask);

/// Called where a class's `init` fails before all properties are set, after those that were set are destroyed. The runtime's own
/// forgets to free the object.
void swift_deallocPartialClassInstance(Object* object, const Class* reached, size_t size, size_t alignment_mask) {
    (void)size, (void)alignment_mask;
    for (const Class* class = object->class; class && class != reached; class = class->superclass)
        if (class->destroy_own_properties) class->destroy_own_properties(object);
    if (object->reference_count >= 0) free(object);
}
#endif
