namespace Microsoft.ML.Generative.Interop;

/// <summary>ML.NET internals that the data sets need.</summary>
internal static class DataInterop
{
    /// <summary>ML.NET's pair of training and test rows; its constructor is internal.</summary>
    public static DataOperationsCatalog.TrainTestData Pair(IDataView train, IDataView test) => new(train, test);
}
