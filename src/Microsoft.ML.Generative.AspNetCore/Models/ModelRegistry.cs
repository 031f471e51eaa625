using Microsoft.Extensions.Logging;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>The models of the server, by their names.</summary>
internal sealed partial class ModelRegistry : IDisposable
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly ILogger<ModelRegistry> _logger;

    public ModelRegistry(IEnumerable<ModelRegistration> registrations, ILogger<ModelRegistry> logger)
    {
        _logger = logger;
        foreach (ModelRegistration registration in registrations)
        {
            if (!_entries.TryAdd(registration.Name, new Entry(registration)))
                throw new InvalidOperationException($"Two models have the name {Quoted.Text(registration.Name)}.");
        }
    }

    /// <summary>Whether all models are loaded.</summary>
    public bool IsReady => _entries.Values.All(entry => entry.Model is not null);

    /// <summary>What is missing, in words.</summary>
    public string Status => string.Join('\n', _entries.Values.Where(entry => entry.Model is null)
        .Select(entry => $"{entry.Registration.Name}: {(entry.Error is null ? "loading" : "could not be loaded")}"));

    public IEnumerable<ServedModel> Loaded => _entries.Values.Select(entry => entry.Model).OfType<ServedModel>();

    /// <summary>Loads all models, one after the other.</summary>
    public void Load()
    {
        foreach (Entry entry in _entries.Values)
        {
            try
            {
                ModelRegistration registration = entry.Registration;
                entry.Model = new ServedModel(registration.Name, ModelLoader.Unwrap(registration.Load()), registration.IsOwned);
                LogLoaded(entry.Registration.Name);
            }
            catch (Exception e)
            {
                entry.Error = e;
                LogFailed(e, entry.Registration.Name);
            }
        }
    }

    /// <summary>The model of a name, or of a name with an adapter behind a colon.</summary>
    /// <exception cref="OpenAIException">There is none, or it is not loaded yet.</exception>
    public ServedModel Find(string name)
    {
        if (_entries.TryGetValue(name, out Entry? entry))
            return Require(entry);
        int colon = name.LastIndexOf(':');
        if (colon > 0 && _entries.TryGetValue(name[..colon], out entry) && Require(entry).WithAdapter(name[(colon + 1)..]) is { } adapted)
            return adapted;
        throw new OpenAIException(404, $"The model {Quoted.Text(name)} does not exist.", "model", "model_not_found");
    }

    public void Dispose()
    {
        foreach (Entry entry in _entries.Values)
            entry.Model?.Dispose();
    }

    private static ServedModel Require(Entry entry) => entry.Model ?? throw new OpenAIException(
        503, entry.Error is null ? "The model is being loaded; try again later." : "The model could not be loaded.",
        "model", "model_not_ready");

    [LoggerMessage(Level = LogLevel.Information, Message = "The model {Name} is loaded.")]
    private partial void LogLoaded(string name);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The model {Name} could not be loaded.")]
    private partial void LogFailed(Exception error, string name);

    private sealed class Entry(ModelRegistration registration)
    {
        private volatile ServedModel? _model;
        private volatile Exception? _error;

        public ModelRegistration Registration => registration;

        public ServedModel? Model
        {
            get => _model;
            set => _model = value;
        }

        public Exception? Error
        {
            get => _error;
            set => _error = value;
        }
    }
}
