namespace Module10;

/// <summary>What the command line asks for.</summary>
internal sealed record CapstoneOptions
{
    /// <summary>The folder in which trained models are kept.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>Whether trainings are much shorter, for a first look.</summary>
    public bool IsQuick { get; init; }

    /// <summary>Addresses to listen at, separated by semicolons.</summary>
    public string Urls { get; init; } = "http://localhost:5010";

    /// <summary>Whether requests for any host name are answered; otherwise only those for this machine's own names are.</summary>
    public bool AnswersAnyHost { get; init; }

    /// <summary>The share of the steps of a full training that is done; tests take less than <see cref="IsQuick"/> does.</summary>
    public double TrainingShare
    {
        get => field > 0 ? field : IsQuick ? 0.1 : 1;
        init;
    }

    /// <summary>Threads of a training at the first start, when two run beside each other.</summary>
    public static int Threads => Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>The folder of this kind of training, so that a quick model is never taken for a full one.</summary>
    public string Folder => Path.Combine(ModelFolder, TrainingShare < 1 ? "quick" : "full");

    /// <summary>The steps of a training that takes this many in full.</summary>
    public int Steps(int full) => Math.Max(2, (int)(full * TrainingShare));
}
