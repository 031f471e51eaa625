namespace Microsoft.ML.Generative;

/// <summary>ML.NET internals that the data sets need.</summary>
internal static class DataInterop
{
    /// <summary>The seed that the context was made with, if any.</summary>
    public static int? SeedOf(MLContext context) => ((Microsoft.ML.Runtime.IHostEnvironmentInternal)context).Seed;

    /// <summary>ML.NET's pair of training and test rows; its constructor is internal.</summary>
    public static DataOperationsCatalog.TrainTestData Pair(IDataView train, IDataView test) => new(train, test);
}
