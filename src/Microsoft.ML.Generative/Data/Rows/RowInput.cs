namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>A column that a transformer reads.</summary>
internal abstract class RowInput(string name)
{
    public string Name { get; } = name;

    /// <summary>Opens the column of a row or cursor for reading.</summary>
    public abstract InputBuffer Open(DataViewRow row, int slots);
}

/// <summary>A column that is read as values of a type for all rows of a batch.</summary>
internal abstract class RowInput<T>(string name) : RowInput(name)
{
    /// <summary>The rows' values.</summary>
    public T Of(RowBatch batch) => batch.Once(this, () => ((InputBuffer<T>)batch.BufferOf(this)).Take(batch.Count));

    public sealed override InputBuffer Open(DataViewRow row, int slots) => OpenBuffer(row, slots);

    protected abstract InputBuffer<T> OpenBuffer(DataViewRow row, int slots);
}

/// <summary>Values of a column, kept until their rows are computed.</summary>
internal abstract class InputBuffer
{
    /// <summary>Reads the current row's value into a slot.</summary>
    /// <exception cref="InvalidDataException">The value cannot be used; the message names column and row.</exception>
    public abstract void Read(int slot);

    /// <summary>A number that depends on the value in a slot and on the seed.</summary>
    public abstract ulong Hash(int slot, ulong seed);

    /// <summary>The same for the first slots, each with its own seed, which the number replaces.</summary>
    public virtual void Hash(Span<ulong> seeds)
    {
        for (int slot = 0; slot < seeds.Length; slot++)
            seeds[slot] = Hash(slot, seeds[slot]);
    }
}

/// <inheritdoc/>
internal abstract class InputBuffer<T> : InputBuffer
{
    /// <summary>The values in the first slots.</summary>
    public abstract T Take(int count);
}
