using System.Reflection;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Interop;

/// <summary>Values of a column that passes through, kept while its rows wait for the batch to be computed.</summary>
internal abstract class ColumnBuffer
{
    private static readonly MethodInfo _createOf = typeof(ColumnBuffer).GetMethod(
        nameof(CreateOf), BindingFlags.NonPublic | BindingFlags.Static)!;

    public static ColumnBuffer Create(DataViewRow source, DataViewSchema.Column column, int slots) =>
        (ColumnBuffer)_createOf.MakeGenericMethod(column.Type.RawType)
        .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [source, column, slots], null)!;

    public abstract void Read(int slot);

    public abstract Delegate MakeGetter(Func<int> slot);

    private static ColumnBuffer CreateOf<T>(DataViewRow source, DataViewSchema.Column column, int slots)
    {
        if (typeof(T).IsGenericType && typeof(T).GetGenericTypeDefinition() == typeof(VBuffer<>))
        {
            Type buffer = typeof(VectorBuffer<>).MakeGenericType(typeof(T).GetGenericArguments());
            return (ColumnBuffer)Activator.CreateInstance(buffer, source, column, slots)!;
        }

        return typeof(T) == typeof(MLImage)
            ? new ImageBuffer(source, column, slots)
            : new ValueBuffer<T>(source, column, slots);
    }

    private abstract class Buffer<T>(DataViewRow source, DataViewSchema.Column column, int slots) : ColumnBuffer
    {
        protected ValueGetter<T> Source { get; } = source.GetGetter<T>(column);

        protected T[] Values { get; } = new T[slots];

        public override void Read(int slot) => Source(ref Values[slot]);
    }

    private sealed class ValueBuffer<T>(DataViewRow source, DataViewSchema.Column column, int slots) : Buffer<T>(source, column, slots)
    {
        public override Delegate MakeGetter(Func<int> slot) => (ValueGetter<T>)((ref T value) => value = Values[slot()]);
    }

    private sealed class VectorBuffer<T>(DataViewRow source, DataViewSchema.Column column, int slots)
        : Buffer<VBuffer<T>>(source, column, slots)
    {
        public override Delegate MakeGetter(Func<int> slot) =>
            (ValueGetter<VBuffer<T>>)((ref VBuffer<T> value) => Values[slot()].CopyTo(ref value));
    }

    // Who gets an image that a transform made owns it and may dispose of it, so that each call gets a copy, as ML.NET's transforms give
    // one. Images that lie in memory belong to who put them there, and pass through as they are. The images read are left to whoever made
    // them.
    private sealed class ImageBuffer(DataViewRow source, DataViewSchema.Column column, int slots) : Buffer<MLImage?>(source, column, slots)
    {
        private bool? _areInMemory;

        public override void Read(int slot)
        {
            base.Read(slot);
            _areInMemory ??= Values[slot] is { } image ? IsSame(image) : null;
        }

        public override Delegate MakeGetter(Func<int> slot) => (ValueGetter<MLImage?>)((ref MLImage? value) =>
        {
            if (_areInMemory == true)
            {
                value = Values[slot()];
                return;
            }

            value?.Dispose();
            value = Values[slot()] is { } image
                ? MLImage.CreateFromPixels(image.Width, image.Height, image.PixelFormat, image.Pixels)
                : null;
        });

        // Whether the source gives the same object twice.
        private bool IsSame(MLImage image)
        {
            MLImage? again = null;
            Source(ref again);
            if (ReferenceEquals(again, image))
                return true;
            again?.Dispose();
            return false;
        }
    }
}
