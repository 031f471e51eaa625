using Microsoft.ML.Generative;
using Module10.Http;

namespace Module10.Rooms.Chat;

/// <summary>The adapters of one visitor, by name.</summary>
internal sealed class VisitorAdapters : IDisposable
{
    /// <summary>Adapters that a visitor may have at a time.</summary>
    public const int Most = 5;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LanguageModelTransformer> _models = new(StringComparer.OrdinalIgnoreCase);

    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_lock)
                return [.. _models.Keys.Order(StringComparer.OrdinalIgnoreCase)];
        }
    }

    /// <exception cref="VisitorException">There is no such adapter.</exception>
    public LanguageModelTransformer Find(string name)
    {
        lock (_lock)
        {
            return _models.TryGetValue(name, out LanguageModelTransformer? model)
                ? model
                : throw new VisitorException(404, "You have no adapter of this name. Adapters are forgotten after two hours.");
        }
    }

    /// <summary>Checks that there is room, before anything is trained.</summary>
    /// <exception cref="VisitorException">There are too many.</exception>
    public void RequireRoom(string name)
    {
        lock (_lock)
        {
            if (_models.Count >= Most && !_models.ContainsKey(name))
                throw new VisitorException(409, $"You have {Most} adapters: remove one first.");
        }
    }

    /// <summary>Keeps a model; one of the same name is replaced.</summary>
    public void Add(string name, LanguageModelTransformer model)
    {
        lock (_lock)
        {
            _models.Remove(name, out LanguageModelTransformer? old);
            old?.Dispose();
            _models.Add(name, model);
        }
    }

    /// <exception cref="VisitorException">There is no such adapter.</exception>
    public void Remove(string name)
    {
        lock (_lock)
        {
            Find(name).Dispose();
            _models.Remove(name);
        }
    }

    public void Dispose()
    {
        foreach (LanguageModelTransformer model in _models.Values)
            model.Dispose();
    }
}
