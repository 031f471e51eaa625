using Microsoft.ML;

namespace Samples.Shared;

/// <summary>What the sections of every lesson share.</summary>
/// <param name="arguments">What the command line asks for.</param>
public abstract class SampleLesson(SampleArguments arguments) : IDisposable
{
    private readonly List<IDisposable> _models = [];

    /// <summary>ML.NET's context, with a fixed seed.</summary>
    public MLContext ML { get; } = new(seed: 1);

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick => arguments.Quick;

    /// <summary>The folder for the files that the lesson writes.</summary>
    public SampleOutput Output => arguments.Output;

    /// <summary>Signaled by Ctrl+C.</summary>
    public CancellationToken Cancellation => arguments.Cancellation;

    /// <summary>Writes the heading of a section.</summary>
    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    /// <summary>Keeps a model for the sections that follow; it is disposed of with the lesson.</summary>
    public T Keep<T>(T model)
        where T : IDisposable
    {
        _models.Add(model);
        return model;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable model in _models)
            model.Dispose();
        GC.SuppressFinalize(this);
    }
}
