using System.Globalization;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>What the command line asks for.</summary>
/// <param name="IsSmall">Whether the checks are those of seconds, for a CPU.</param>
/// <param name="Seconds">When the program ends, whatever is left.</param>
/// <param name="Only">Parts of the names of the checks to do; all where there are none.</param>
/// <param name="IsWorker">Whether this process does the checks, and another one watches it.</param>
internal sealed record CheckOptions(bool IsSmall, double Seconds, IReadOnlyList<string> Only, bool IsWorker)
{
    /// <summary>The names of the checks that a worker is left with.</summary>
    public IReadOnlyList<string>? Exactly { get; init; }

    public const string Usage =
        "gpu-check [--small] [--seconds N] [--only NAME[,NAME]]: checks the library on the first GPU, or on the CPU where there is "
        + "none; prints a line of JSON for each check. libtorch is that of GENERATIVE_LIBTORCH, or of python3's PyTorch.";

    public static CheckOptions Parse(string[] args)
    {
        var options = new CheckOptions(false, 450, [], false);
        for (int i = 0; i < args.Length; i++)
        {
            options = args[i] switch
            {
                "--small" => options with { IsSmall = true },
                "--worker" => options with { IsWorker = true },
                "--seconds" when double.TryParse(Value(), CultureInfo.InvariantCulture, out double seconds) && seconds > 0 =>
                    options with { Seconds = seconds },
                "--only" => options with { Only = Value().Split(',') },
                "--exactly" => options with { Exactly = Value().Split(',') },
                _ => throw new ArgumentException($"'{args[i]}' is not an argument of this program, or its value cannot be used."),
            };

            string Value() => ++i < args.Length ? args[i] : throw new ArgumentException($"'{args[i - 1]}' has no value.");
        }

        return options;
    }

    public IEnumerable<Check> Choose() =>
        Check.All(IsSmall).Where(c => Exactly?.Contains(c.Name)
            ?? (Only.Count == 0 || Only.Any(o => c.Name.Contains(o, StringComparison.Ordinal))));
}
