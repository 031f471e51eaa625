using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Music;

/// <summary>The type of columns of music, whose values are <see cref="NoteSequence"/>.</summary>
public sealed class NoteSequenceDataViewType : StructuredDataViewType
{
    private NoteSequenceDataViewType()
        : base(typeof(NoteSequence))
    {
    }

    /// <summary>The type.</summary>
    public static NoteSequenceDataViewType Instance { get; } = new();

    /// <inheritdoc/>
    public override bool Equals(DataViewType? other) => other is NoteSequenceDataViewType;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NoteSequenceDataViewType;

    /// <inheritdoc/>
    public override int GetHashCode() => nameof(NoteSequenceDataViewType).Length;

    /// <inheritdoc/>
    public override string ToString() => nameof(NoteSequence);
}
