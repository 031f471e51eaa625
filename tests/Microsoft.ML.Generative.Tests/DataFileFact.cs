namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// A test that reads real data files. It is skipped, with the reason, where one of them is neither in the folder that the
/// environment variable GENERATIVE_DATA names nor among the system's data sets.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DataFileFactAttribute : FactAttribute
{
    /// <param name="relativePaths">Paths of the files within the data folder, with forward slashes.</param>
    public DataFileFactAttribute(params string[] relativePaths)
    {
        RelativePaths = relativePaths;
        if (relativePaths.FirstOrDefault(path => DataFile.Find(path) is null) is { } missing)
            Skip = $"needs {missing} in GENERATIVE_DATA";
    }

    public IReadOnlyList<string> RelativePaths { get; }
}

/// <summary>Real data files for tests.</summary>
internal static class DataFile
{
    /// <summary>Full path of a file in GENERATIVE_DATA or among the system's data sets; null where there is none.</summary>
    public static string? Find(string relativePath) =>
        new[] { Environment.GetEnvironmentVariable("GENERATIVE_DATA"), "/usr/share/datasets" }
            .Where(folder => !string.IsNullOrWhiteSpace(folder))
            .Select(folder => Path.Combine(folder!, relativePath))
            .FirstOrDefault(File.Exists);
}
