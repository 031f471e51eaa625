using Microsoft.ML.Generative;

namespace Module10.Rooms.Writer;

/// <summary>The model that has learned a visitor's text.</summary>
internal sealed class VisitorWriter : IDisposable
{
    private LanguageModelTransformer? _model;

    public LanguageModelTransformer? Model
    {
        get => Volatile.Read(ref _model);
        set => Interlocked.Exchange(ref _model, value)?.Dispose();
    }

    public void Dispose() => Model = null;
}
