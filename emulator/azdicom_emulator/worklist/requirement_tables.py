"""Which attributes a workitem needs: the tables of PS3.4 §CC.2.5 as the service enforces them. Data alone.

One line an attribute: `>` for each level of nesting, tag, keyword, the requirement of a create and that of an update
(of a change to a final state, one requirement), and the macro that its items follow in brackets. `include` puts the
lines of a macro in its place. What the requirements mean stands in `requirements.CODES`.
"""

from collections.abc import Mapping

MODULES: Mapping[str, str] = {
    "SOP Common": """
00080016 SOPClassUID 1 X
00080018 SOPInstanceUID 1 X
00080005 SpecificCharacterSet 1C 1C
00080012 InstanceCreationDate 3 3
00080013 InstanceCreationTime 3 3
00080015 InstanceCoercionDateTime 3 3
00080014 InstanceCreatorUID 3 3
0008001A RelatedGeneralSOPClassUID 3 3
0008001B OriginalSpecializedSOPClassUID 3 3
00080110 CodingSchemeIdentificationSequence 3 3
> 00080102 CodingSchemeDesignator 3 3
> 00080112 CodingSchemeRegistry 3 3
> 0008010C CodingSchemeUID 3 3
> 00080114 CodingSchemeExternalID 3 3
> 00080115 CodingSchemeName 3 3
> 00080103 CodingSchemeVersion 3 3
> 00080116 CodingSchemeResponsibleOrganization 3 3
> 00080109 CodingSchemeResourcesSequence 3 3
> > 0008010A CodingSchemeURLType 3 3
> > 0008010E CodingSchemeURL 3 3
00080123 ContextGroupIdentificationSequence 3 3
> 0008010F ContextIdentifier 3 3
> 00080117 ContextUID 3 3
> 00080105 MappingResource 3 3
> 00080106 ContextGroupVersion 3 3
00080124 MappingResourceIdentificationSequence 3 3
> 00080105 MappingResource 3 3
> 00080118 MappingResourceUID 3 3
> 00080122 MappingResourceName 3 3
00080201 TimezoneOffsetFromUTC 3 3
0018A001 ContributingEquipmentSequence 3 3
> 0040A170 PurposeOfReferenceCodeSequence 3 3 [CODE]
> 00080070 Manufacturer 3 3
> 00080080 InstitutionName 3 3
> 00080081 InstitutionAddress 3 3
> 00081010 StationName 3 3
> 00081040 InstitutionalDepartmentName 3 3
> 00081041 InstitutionalDepartmentTypeCodeSequence 3 3 [CODE]
> 00081070 OperatorsName 3 3
> 00081072 OperatorIdentificationSequence 3 3 [PERSON_IDENTIFICATION]
> 00081090 ManufacturerModelName 3 3
> 00181000 DeviceSerialNumber 3 3
> 00181020 SoftwareVersions 3 3
> 00181002 DeviceUID 3 3
> 0018100A UDISequence 3 3
> > 00181009 UniqueDeviceIdentifier 3 3
> > 00500020 DeviceDescription 3 3
> 00181050 SpatialResolution 3 3
> 00181200 DateOfLastCalibration 3 3
> 00181201 TimeOfLastCalibration 3 3
> 0018A002 ContributionDateTime 3 3
> 0018A003 ContributionDescription 3 3
00200013 InstanceNumber 3 3
01000410 SOPInstanceStatus 3 3
01000420 SOPAuthorizationDateTime 3 3
01000424 SOPAuthorizationComment 3 3
01000426 AuthorizationEquipmentCertificationNumber 3 3
4FFE0001 MACParametersSequence 3 3
> 04000005 MACIDNumber 3 3
> 04000010 MACCalculationTransferSyntaxUID 3 3
> 04000015 MACAlgorithm 3 3
> 04000020 DataElementsSigned 3 3
FFFAFFFA DigitalSignaturesSequence 3 3
> 04000005 MACIDNumber 3 3
> 04000100 DigitalSignatureUID 3 3
> 04000105 DigitalSignatureDateTime 3 3
> 04000110 CertificateType 3 3
> 04000115 CertificateOfSigner 3 3
> 04000120 Signature 3 3
> 04000305 CertifiedTimestampType 3 3
> 04000310 CertifiedTimestamp 3 3
> 04000401 DigitalSignaturePurposeCodeSequence 3 3 [CODE]
04000500 EncryptedAttributesSequence 3 3
> 04000510 EncryptedContentTransferSyntaxUID 3 3
> 04000520 EncryptedContent 3 3
04000561 OriginalAttributesSequence 3 3
> 04000564 SourceOfPreviousValues 3 3
> 04000562 AttributeModificationDateTime 3 3
> 04000563 ModifyingSystem 3 3
> 04000565 ReasonForTheAttributeModification 3 3
> 04000550 ModifiedAttributesSequence 3 3
> 04000551 NonconformingModifiedAttributesSequence 3 3
> > 00720026 SelectorAttribute 3 3
> > 00720028 SelectorValueNumber 3 3
> > 00720052 SelectorSequencePointer 3 3
> > 00720054 SelectorSequencePointerPrivateCreator 3 3
> > 00741057 SelectorSequencePointerItems 3 3
> > 00720056 SelectorAttributePrivateCreator 3 3
> > 04000552 NonconformingDataElementValue 3 3
0040A390 HL7StructuredDocumentReferenceSequence 3 3
> 00081150 ReferencedSOPClassUID 3 3
> 00081155 ReferencedSOPInstanceUID 3 3
> 0040E001 HL7InstanceIdentifier 3 3
> 0040E010 RetrieveURI 3 3
00280303 LongitudinalTemporalInformationModified 3 3
00080053 QueryRetrieveView 3 3
00209172 ConversionSourceAttributesSequence 3 3
> 00081150 ReferencedSOPClassUID 3 3
> 00081155 ReferencedSOPInstanceUID 3 3
> 00081160 ReferencedFrameNumber 3 3
> 0062000B ReferencedSegmentNumber 3 3
00189004 ContentQualification 3 3
00080300 PrivateDataElementCharacteristicsSequence 3 3
> 00080301 PrivateGroupReference 3 3
> 00080302 PrivateCreatorReference 3 3
> 00080310 PrivateDataElementDefinitionSequence 3 3
> > 00080308 PrivateDataElement 3 3
> > 00080309 PrivateDataElementValueMultiplicity 3 3
> > 0008030A PrivateDataElementValueRepresentation 3 3
> > 0008030B PrivateDataElementNumberOfItems 3 3
> > 0008030D PrivateDataElementKeyword 3 3
> > 0008030C PrivateDataElementName 3 3
> > 0008030E PrivateDataElementDescription 3 3
> > 0008030F PrivateDataElementEncoding 3 3
> > 0040E010 RetrieveURI 3 3
> 00080303 BlockIdentifyingInformationStatus 3 3
> 00080304 NonidentifyingPrivateElements 3 3
> 00080305 DeidentificationActionSequence 3 3
> > 00080306 IdentifyingPrivateElements 3 3
> > 00080307 DeidentificationAction 3 3
04000600 InstanceOriginStatus 3 3
22000005 BarcodeValue 3 3
0018990C ReferencedDefinedProtocolSequence 3 3 [REFERENCED_PROTOCOL]
0018990D ReferencedPerformedProtocolSequence 3 3 [REFERENCED_PROTOCOL]
""",
    "Scheduled Procedure Information": """
00741200 ScheduledProcedureStepPriority 1 3/1
00404010 ScheduledProcedureStepModificationDateTime 1 1
00741204 ProcedureStepLabel 1 3/1
00741202 WorklistLabel 2/1 3/1
00741210 ScheduledProcessingParametersSequence 2 3/2 [CONTENT_ITEM]
00404025 ScheduledStationNameCodeSequence 2 3/2 [UPS_CODE]
00404026 ScheduledStationClassCodeSequence 2 3/2 [UPS_CODE]
00404027 ScheduledStationGeographicLocationCodeSequence 2 3/2 [UPS_CODE]
00404034 ScheduledHumanPerformersSequence 2C 3/2
> 00404009 HumanPerformerCodeSequence 1 1 [UPS_CODE]
> 00404037 HumanPerformerName 1 1
> 00404036 HumanPerformerOrganization 1 1
00404005 ScheduledProcedureStepStartDateTime 1 3/1
00404011 ExpectedCompletionDateTime 3/1 3/1
00404008 ScheduledProcedureStepExpirationDateTime 3 3
00404018 ScheduledWorkitemCodeSequence 2 3/1 [UPS_CODE]
00400400 CommentsOnTheScheduledProcedureStep 2 3/1
00404041 InputReadinessState 1 3/1
00404021 InputInformationSequence 2 3/2 [REFERENCED_INSTANCES]
0020000D StudyInstanceUID 1C/2 3/2
00404070 OutputDestinationSequence 3 3
> 00081150 ReferencedSOPClassUID 1C/1 1C/1
> 00404071 DICOMStorageSequence 1C/1 1C/1
> > 21000140 DestinationAE 1 1
> 00404072 STOWRSStorageSequence 1C/1 1C/1
> > 00404073 StorageURL 1 1
> 00404074 XDSStorageSequence 1C/1 1C/1
> > 0040E030 RepositoryUniqueID 1 1
> > 0040E031 HomeCommunityID 3/2 3/2
""",
    "Relationship": """
00100010 PatientName 2 X
00100020 PatientID 1C/2 X
include ISSUER_OF_PATIENT_ID
00101002 OtherPatientIDsSequence 2 3 [OTHER_PATIENT_ID]
00100030 PatientBirthDate 2 X
00100040 PatientSex 2 X
00101100 ReferencedPatientPhotoSequence 3 3 [REFERENCED_INSTANCES]
00380010 AdmissionID 2 X
00380014 IssuerOfAdmissionIDSequence 2 X [HL7_DESIGNATOR]
00081080 AdmittingDiagnosesDescription 2 X
00081084 AdmittingDiagnosesCodeSequence 2 X [UPS_CODE]
0040A370 ReferencedRequestSequence 2 X
> 0020000D StudyInstanceUID 1 1
> 00080050 AccessionNumber 2 2
> 00080051 IssuerOfAccessionNumberSequence 2 2 [HL7_DESIGNATOR]
> 00402016 PlacerOrderNumberImagingServiceRequest 3/1 3/1
> 00400026 OrderPlacerIdentifierSequence 2 2 [HL7_DESIGNATOR]
> 00402017 FillerOrderNumberImagingServiceRequest 3/1 3/1
> 00400027 OrderFillerIdentifierSequence 2 2 [HL7_DESIGNATOR]
> 00401001 RequestedProcedureID 2 2
> 00321060 RequestedProcedureDescription 2 2
> 00321064 RequestedProcedureCodeSequence 2 2 [UPS_CODE]
> 00401002 ReasonForTheRequestedProcedure 3 3
> 0040100A ReasonForRequestedProcedureCodeSequence 3 3 [UPS_CODE]
> 00401400 RequestedProcedureComments 3 3
> 00401008 ConfidentialityCode 3 3
> 00401010 NamesOfIntendedRecipientsOfResults 3 3
> 00402400 ImagingServiceRequestComments 3 3
> 00321032 RequestingPhysician 3 3
> 00321033 RequestingService 3/1 3/1
> 00321034 RequestingServiceCodeSequence 3 3 [UPS_CODE]
> 00402004 IssueDateOfImagingServiceRequest 3 3
> 00402005 IssueTimeOfImagingServiceRequest 3 3
> 00080090 ReferringPhysicianName 3 3
00741224 ReplacedProcedureStepSequence 1C X
> 00081150 ReferencedSOPClassUID 1 1
> 00081155 ReferencedSOPInstanceUID 1 1
00100022 TypeOfPatientID 3 3
00100033 PatientBirthDateInAlternativeCalendar 3 3
00100034 PatientDeathDateInAlternativeCalendar 3 3
00100035 PatientAlternativeCalendar 3 3
00321066 ReasonForVisit 3 3
00321067 ReasonForVisitCodeSequence 3 3 [CODE]
""",
    "Patient Demographic": """
00101010 PatientAge 3 3
00102180 Occupation 3 3
00403001 ConfidentialityConstraintOnPatientDataDescription 3 3
00100030 PatientBirthDate 3 3
00100032 PatientBirthTime 3 3
00100040 PatientSex 3 3
00100200 QualityControlSubject 3 3
00100050 PatientInsurancePlanCodeSequence 3 3 [CODE]
00100101 PatientPrimaryLanguageCodeSequence 3 3 [PATIENT_LANGUAGE]
00101020 PatientSize 3 3
00101030 PatientWeight 3 3
00101021 PatientSizeCodeSequence 3 3 [CODE]
00101040 PatientAddress 3 3
00101080 MilitaryRank 3 3
00101081 BranchOfService 3 3
00102150 CountryOfResidence 3 3
00102152 RegionOfResidence 3 3
00102154 PatientTelephoneNumbers 3 3
00102155 PatientTelecomInformation 3 3
00102160 EthnicGroup 3 3
001021F0 PatientReligiousPreference 3 3
00104000 PatientComments 3 3
00102297 ResponsiblePerson 3 3
00102298 ResponsiblePersonRole 3 3
00102299 ResponsibleOrganization 3 3
00102201 PatientSpeciesDescription 3 3
00102202 PatientSpeciesCodeSequence 3 3 [CODE]
00102292 PatientBreedDescription 3 3
00102293 PatientBreedCodeSequence 3 3 [CODE]
00102294 BreedRegistrationSequence 3 3
> 00102295 BreedRegistrationNumber 3 3
> 00102296 BreedRegistryCodeSequence 3 3 [CODE]
00100212 StrainDescription 3 3
00100213 StrainNomenclature 3 3
00100219 StrainCodeSequence 3 3 [CODE]
00100218 StrainAdditionalInformation 3 3
00100216 StrainStockSequence 3 3
> 00100214 StrainStockNumber 3 3
> 00100217 StrainSource 3 3
> 00100215 StrainSourceRegistryCodeSequence 3 3 [CODE]
00100221 GeneticModificationsSequence 3 3
> 00100222 GeneticModificationsDescription 3 3
> 00100223 GeneticModificationsNomenclature 3 3
> 00100229 GeneticModificationsCodeSequence 3 3 [CODE]
""",
    "Patient Medical": """
00102000 MedicalAlerts 3/2 3/2
001021C0 PregnancyStatus 3/2 3/2
00380050 SpecialNeeds 3/2 3/2
00102110 Allergies 3 3
001021A0 SmokingStatus 3 3
001021B0 AdditionalPatientHistory 3 3
001021D0 LastMenstrualDate 3 3
00102203 PatientSexNeutered 3 3
00101022 PatientBodyMassIndex 3 3
00101023 MeasuredAPDimension 3 3
00101024 MeasuredLateralDimension 3 3
00380500 PatientState 3 3
00380100 PertinentDocumentsSequence 3 3
> 00081150 ReferencedSOPClassUID 3 3
> 00081155 ReferencedSOPInstanceUID 3 3
> 0040A170 PurposeOfReferenceCodeSequence 3 3 [CODE]
> 00420010 DocumentTitle 3 3
00380101 PertinentResourcesSequence 3 3
> 0040E010 RetrieveURI 3 3
> 00380102 ResourceDescription 3 3
00380502 PatientClinicalTrialParticipationSequence 3 3
> 00120010 ClinicalTrialSponsorName 3 3
> 00120020 ClinicalTrialProtocolID 3 3
> 00120021 ClinicalTrialProtocolName 3 3
> 00120030 ClinicalTrialSiteID 3 3
> 00120031 ClinicalTrialSiteName 3 3
> 00120040 ClinicalTrialSubjectID 3 3
> 00120042 ClinicalTrialSubjectReadingID 3 3
""",
    "Visit Identification": """
00080080 InstitutionName 3 3
00080081 InstitutionAddress 3 3
00080082 InstitutionCodeSequence 3 3 [CODE]
00081040 InstitutionalDepartmentName 3 3
00081041 InstitutionalDepartmentTypeCodeSequence 3 3 [CODE]
00380010 AdmissionID 3 3
00380014 IssuerOfAdmissionIDSequence 3 3 [HL7_DESIGNATOR_OPTIONAL]
00321066 ReasonForVisit 3 3
00321067 ReasonForVisitCodeSequence 3 3 [CODE]
00380060 ServiceEpisodeID 3 3
00380064 IssuerOfServiceEpisodeIDSequence 3 3 [HL7_DESIGNATOR_OPTIONAL]
00380062 ServiceEpisodeDescription 3 3
""",
    "Visit Status": """
00380008 VisitStatusID 3 3
00380300 CurrentPatientLocation 3 3
00380400 PatientInstitutionResidence 3 3
00384000 VisitComments 3 3
""",
    "Visit Admission": """
00080090 ReferringPhysicianName 3 3
00080092 ReferringPhysicianAddress 3 3
00080094 ReferringPhysicianTelephoneNumbers 3 3
00080096 ReferringPhysicianIdentificationSequence 3 3 [PERSON_IDENTIFICATION]
0008009C ConsultingPhysicianName 3 3
0008009D ConsultingPhysicianIdentificationSequence 3 3 [PERSON_IDENTIFICATION]
00081080 AdmittingDiagnosesDescription 3 3
00081084 AdmittingDiagnosesCodeSequence 3 3 [CODE]
00380016 RouteOfAdmissions 3 3
00380020 AdmittingDate 3 3
00380021 AdmittingTime 3 3
""",
    "Progress Information": """
00741000 ProcedureStepState 1 X
00741002 ProcedureStepProgressInformationSequence 2 3/2
> 00741004 ProcedureStepProgress X 3/1
> 00741006 ProcedureStepProgressDescription X 3/1
> 00741007 ProcedureStepProgressParametersSequence X 3 [PROGRESS_PARAMETER]
> 00741008 ProcedureStepCommunicationsURISequence X 3/1
> > 0074100A ContactURI X 1
> > 0074100C ContactDisplayName X 3/1
> 00404052 ProcedureStepCancellationDateTime X 3/1
> 00741238 ReasonForCancellation X 3/1
> 0074100E ProcedureStepDiscontinuationReasonCodeSequence X 3/1 [UPS_CODE]
""",
    "Performed Procedure Information": """
00741216 UnifiedProcedureStepPerformedProcedureSequence 2 3/2
> 00404035 ActualHumanPerformersSequence X 3/1
> > 00404009 HumanPerformerCodeSequence X 3/1 [UPS_CODE]
> > 00404037 HumanPerformerName X 3/1
> > 00404036 HumanPerformerOrganization X 3/1
> 00404028 PerformedStationNameCodeSequence X 3/2 [UPS_CODE]
> 00404029 PerformedStationClassCodeSequence X 3/2 [UPS_CODE]
> 00404030 PerformedStationGeographicLocationCodeSequence X 3/2 [UPS_CODE]
> 00404050 PerformedProcedureStepStartDateTime X 3/1
> 00400254 PerformedProcedureStepDescription X 3/1
> 00400280 CommentsOnThePerformedProcedureStep X 3/1
> 00404019 PerformedWorkitemCodeSequence X 3/1 [UPS_CODE]
> 00741212 PerformedProcessingParametersSequence X 3/1 [CONTENT_ITEM]
> 00404051 PerformedProcedureStepEndDateTime X 3/1
> 00404033 OutputInformationSequence X 2 [REFERENCED_INSTANCES]
""",
}
"""In the order in which they are checked (service source; worklist §3.3 to §3.8)."""

MACROS: Mapping[str, str] = {
    "UPS_CODE": """
00080100 CodeValue 1C 1C
00080102 CodingSchemeDesignator 1C 1C
00080103 CodingSchemeVersion 1C 1C
00080104 CodeMeaning 1 1
00080119 LongCodeValue 1C 1C
00080120 URNCodeValue 1C 1C
00080105 MappingResource 3 3
00080118 MappingResourceUID 3 3
00080106 ContextGroupVersion 3 3
0008010B ContextGroupExtensionFlag 3 3
00080107 ContextGroupLocalVersion 3 3
0008010D ContextGroupExtensionCreatorUID 3 3
""",
    "CONTENT_ITEM": """
0040A040 ValueType 1 1
0040A043 ConceptNameCodeSequence 1 1 [UPS_CODE]
0040A120 DateTime 1C 1C
0040A121 Date 1C 1C
0040A122 Time 1C 1C
0040A123 PersonName 1C 1C
0040A124 UID 1C 1C
0040A160 TextValue 1C 1C
0040A168 ConceptCodeSequence 1C 1C [UPS_CODE]
0040A30A NumericValue 1C 1C
004008EA MeasurementUnitsCodeSequence 1C 1C [UPS_CODE]
""",
    "PROGRESS_PARAMETER": """
include CONTENT_ITEM
00400441 ContentItemModifierSequence X 3 [CONTENT_ITEM]
""",
    "REFERENCED_INSTANCES": """
0040E020 TypeOfInstances 1 1
0020000D StudyInstanceUID 1C/1 1C/1
0020000E SeriesInstanceUID 1C/1 1C/1
00081199 ReferencedSOPSequence 1 1
> 00081150 ReferencedSOPClassUID 1 1
> 00081155 ReferencedSOPInstanceUID 1 1
> 0040E001 HL7InstanceIdentifier 1C/1 1C/1
> 00081160 ReferencedFrameNumber 1C/1 1C/1
> 0062000B ReferencedSegmentNumber 1C/1 1C/1
0040E021 DICOMRetrievalSequence 1C/1 1C/1
> 00080054 RetrieveAETitle 1 1
0040E022 DICOMMediaRetrievalSequence 1C/1 1C/1
> 00880130 StorageMediaFileSetID 2 2
> 00880140 StorageMediaFileSetUID 1 1
0040E023 WADORetrievalSequence 1C/1 1C/1
> 0040E010 RetrieveURI 1 1
0040E024 XDSRetrievalSequence 1C/1 1C/1
> 0040E030 RepositoryUniqueID 1 1
> 0040E031 HomeCommunityID 3/2 3/2
0040E025 WADORSRetrievalSequence 1C/1 1C/1
> 00081190 RetrieveURL 1 1
""",
    "ISSUER_OF_PATIENT_ID": """
00100021 IssuerOfPatientID 2 X
00100024 IssuerOfPatientIDQualifiersSequence 2 X
> 00400032 UniversalEntityID 2 2
> 00400033 UniversalEntityIDType 1C/1 1C/1
> 00400035 IdentifierTypeCode 2 2
> 00400036 AssigningFacilitySequence 2 2 [HL7_DESIGNATOR]
> 00400039 AssigningJurisdictionCodeSequence 2 2 [UPS_CODE]
> 0040003A AssigningAgencyOrDepartmentCodeSequence 2 2 [UPS_CODE]
""",
    "OTHER_PATIENT_ID": """
00100020 PatientID 1 1
include ISSUER_OF_PATIENT_ID
00100022 TypeOfPatientID 3 3
""",
    "HL7_DESIGNATOR": """
00400031 LocalNamespaceEntityID 1C/1 1C/1
00400032 UniversalEntityID 1C/1 1C/1
00400033 UniversalEntityIDType 1C/1 1C/1
""",
    "HL7_DESIGNATOR_OPTIONAL": """
00400031 LocalNamespaceEntityID 3 3
00400032 UniversalEntityID 3 3
00400033 UniversalEntityIDType 3 3
""",
    "CODE": """
00080100 CodeValue 3 3
00080102 CodingSchemeDesignator 3 3
00080103 CodingSchemeVersion 3 3
00080104 CodeMeaning 3 3
00080119 LongCodeValue 3 3
00080120 URNCodeValue 3 3
00080121 EquivalentCodeSequence 3 3 [EQUIVALENT_CODE]
0008010F ContextIdentifier 3 3
00080117 ContextUID 3 3
00080105 MappingResource 3 3
00080118 MappingResourceUID 3 3
00080122 MappingResourceName 3 3
00080106 ContextGroupVersion 3 3
0008010B ContextGroupExtensionFlag 3 3
00080107 ContextGroupLocalVersion 3 3
0008010D ContextGroupExtensionCreatorUID 3 3
""",
    "EQUIVALENT_CODE": """
00080100 CodeValue 3 3
00080102 CodingSchemeDesignator 3 3
00080103 CodingSchemeVersion 3 3
00080104 CodeMeaning 3 3
00080119 LongCodeValue 3 3
00080120 URNCodeValue 3 3
0008010F ContextIdentifier 3 3
00080117 ContextUID 3 3
00080105 MappingResource 3 3
00080118 MappingResourceUID 3 3
00080122 MappingResourceName 3 3
00080106 ContextGroupVersion 3 3
0008010B ContextGroupExtensionFlag 3 3
00080107 ContextGroupLocalVersion 3 3
0008010D ContextGroupExtensionCreatorUID 3 3
""",
    "PERSON_IDENTIFICATION": """
00401101 PersonIdentificationCodeSequence 3 3 [CODE]
00401102 PersonAddress 3 3
00401103 PersonTelephoneNumbers 3 3
00401104 PersonTelecomInformation 3 3
00080080 InstitutionName 3 3
00080081 InstitutionAddress 3 3
00080082 InstitutionCodeSequence 3 3 [CODE]
00081040 InstitutionalDepartmentName 3 3
00081041 InstitutionalDepartmentTypeCodeSequence 3 3 [CODE]
""",
    "PATIENT_LANGUAGE": """
include CODE
00100102 PatientPrimaryLanguageModifierCodeSequence 3 3 [CODE]
""",
    "REFERENCED_PROTOCOL": """
00081150 ReferencedSOPClassUID 3 3
00081155 ReferencedSOPInstanceUID 3 3
00189938 SourceAcquisitionProtocolElementNumber 3 3
0018993A SourceReconstructionProtocolElementNumber 3 3
""",
}
"""Service source; worklist §3.9."""

FINAL_STATE = """
00081195 TransactionUID O
00080005 SpecificCharacterSet O
00080016 SOPClassUID R
00080018 SOPInstanceUID R
00741200 ScheduledProcedureStepPriority R
00404010 ScheduledProcedureStepModificationDateTime R
00404005 ScheduledProcedureStepStartDateTime R
00404041 InputReadinessState R
00741000 ProcedureStepState R
00741002 ProcedureStepProgressInformationSequence X
> 00404052 ProcedureStepCancellationDateTime X
> 0074100E ProcedureStepDiscontinuationReasonCodeSequence X
00741216 UnifiedProcedureStepPerformedProcedureSequence P
> 00404035 ActualHumanPerformersSequence RC
> > 00404009 HumanPerformerCodeSequence RC
> > 00404037 HumanPerformerName RC
> 00404028 PerformedStationNameCodeSequence P
> 00404050 PerformedProcedureStepStartDateTime P
> 00404019 PerformedWorkitemCodeSequence P
> 00404051 PerformedProcedureStepEndDateTime P
> 00404033 OutputInformationSequence P
"""
"""Of COMPLETED and CANCELED (service source; worklist §9)."""
